"""Peer (a): FastAPI + SQLModel + PyJWT as their documentation has people write it.

Run by uvicorn with uvloop and httptools, no access log. In its favour: `expire_on_commit=False`, no pool overflow, and
`current_user` is a coroutine, so that it never visits the thread pool (PyJWKClient keeps the key set for `lifespan`).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy import Column, DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
)
sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
keys = jwt.PyJWKClient(os.environ["JWKS_URL"])


def now() -> datetime:
    return datetime.now(UTC)


class TaskBase(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=5000)
    completed: bool = False


class Task(TaskBase, table=True):
    __tablename__ = "tasks"
    user_id: str = Field(primary_key=True)
    id: UUID = Field(default_factory=uuid7, primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True)))
    updated_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True)))


class TaskCreate(TaskBase):
    pass


class TaskUpdate(SQLModel):
    title: str | None = Field(default=None, min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=5000)
    completed: bool | None = None


class TaskPublic(TaskBase):
    id: UUID
    created_at: datetime
    updated_at: datetime


class TaskPage(BaseModel):
    items: list[TaskPublic]
    next_cursor: str | None


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


async def current_user(
    user_id: str, credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> str:
    try:
        claims: dict[str, Any] = jwt.decode(
            credentials.credentials,
            keys.get_signing_key_from_jwt(credentials.credentials).key,
            algorithms=["EdDSA", "RS256"],
            issuer=os.environ["JWT_ISSUER"],
            audience=os.environ["JWT_AUDIENCE"],
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"}) from error
    if user_id not in ("me", claims["sub"]):
        raise HTTPException(403, "Not yours")
    return str(claims["sub"])


Session = Annotated[AsyncSession, Depends(session)]
Owner = Annotated[str, Depends(current_user)]


async def owned(task_id: UUID, db: Session, owner: Owner) -> Task:
    task = await db.get(Task, (owner, task_id))
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


OwnTask = Annotated[Task, Depends(owned)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/api/{user_id}/tasks", response_model=TaskPage)
async def list_tasks(
    db: Session,
    owner: Owner,
    completed: bool | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Any:
    query = select(Task).where(Task.user_id == owner).order_by(Task.id.desc()).limit(limit + 1)  # type: ignore[attr-defined]  # SQLModel types a column as its value
    if completed is not None:
        query = query.where(Task.completed == completed)
    if cursor is not None:
        query = query.where(Task.id < cursor)
    items = (await db.exec(query)).all()
    return {"items": items[:limit], "next_cursor": str(items[limit - 1].id) if len(items) > limit else None}


@app.post("/api/{user_id}/tasks", response_model=TaskPublic, status_code=201)
async def create_task(data: TaskCreate, db: Session, owner: Owner, response: Response) -> Any:
    task = Task.model_validate(data, update={"user_id": owner})
    db.add(task)
    await db.commit()
    response.headers["Location"] = f"/api/{owner}/tasks/{task.id}"
    return task


@app.get("/api/{user_id}/tasks/{task_id}", response_model=TaskPublic)
async def read_task(task: OwnTask) -> Any:
    return task


@app.patch("/api/{user_id}/tasks/{task_id}", response_model=TaskPublic)
async def update_task(data: TaskUpdate, task: OwnTask, db: Session) -> Any:
    task.sqlmodel_update(data.model_dump(exclude_unset=True))
    task.updated_at = now()
    db.add(task)
    await db.commit()
    return task


@app.delete("/api/{user_id}/tasks/{task_id}", status_code=204)
async def delete_task(task: OwnTask, db: Session) -> None:
    await db.delete(task)
    await db.commit()
