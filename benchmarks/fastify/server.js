// Peer (b): Fastify 5 + jose + pg, written as their documentation has it: the key set from createRemoteJWKSet, one
// onRequest hook, schemas for what goes in and comes out, named (prepared) statements on one pool, the logger off.

import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'

const { DATABASE_URL, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, POOL_SIZE, PORT } = process.env

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE), min: Number(POOL_SIZE) })
const keys = createRemoteJWKSet(new URL(JWKS_URL))

const fields = 'id, title, description, completed, created_at, updated_at'
const sql = {
  get: `SELECT ${fields} FROM tasks WHERE user_id = $1 AND id = $2`,
  list: `SELECT ${fields} FROM tasks WHERE user_id = $1 ORDER BY id DESC LIMIT $2`,
  listBefore: `SELECT ${fields} FROM tasks WHERE user_id = $1 AND id < $3 ORDER BY id DESC LIMIT $2`,
  listBy: `SELECT ${fields} FROM tasks WHERE user_id = $1 AND completed = $3 ORDER BY id DESC LIMIT $2`,
  listByBefore: `SELECT ${fields} FROM tasks WHERE user_id = $1 AND completed = $3 AND id < $4 ORDER BY id DESC LIMIT $2`,
  post: `INSERT INTO tasks (user_id, ${fields}) VALUES ($1, $2, $3, $4, $5, now(), now()) RETURNING ${fields}`,
  patch: `UPDATE tasks SET title = coalesce($3, title), description = CASE WHEN $4 THEN $5 ELSE description END,
    completed = coalesce($6, completed), updated_at = now() WHERE user_id = $1 AND id = $2 RETURNING ${fields}`,
  delete: 'DELETE FROM tasks WHERE user_id = $1 AND id = $2',
}
const query = (name, ...values) => pool.query({ name, text: sql[name], values })

const input = {
  title: { type: 'string', minLength: 1, maxLength: 200 },
  description: { type: ['string', 'null'], maxLength: 5000 },
  completed: { type: 'boolean' },
}
const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string', nullable: true },
    completed: { type: 'boolean' },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
  },
}
const page = {
  type: 'object',
  properties: { items: { type: 'array', items: task }, next_cursor: { type: 'string', nullable: true } },
}
const owner = { type: 'object', properties: { userId: { type: 'string' } } }
const one = { type: 'object', properties: { userId: { type: 'string' }, id: { type: 'string', format: 'uuid' } } }

const app = Fastify({ logger: false })
app.decorateRequest('owner', null)

app.addHook('onRequest', async (request, reply) => {
  const header = request.headers.authorization
  if (!header?.startsWith('Bearer ')) return reply.code(401).send({ error: 'missing token' })
  let claims
  try {
    claims = (await jwtVerify(header.slice(7), keys, { issuer: JWT_ISSUER, audience: JWT_AUDIENCE })).payload
  } catch {
    return reply.code(401).send({ error: 'invalid token' })
  }
  const { userId } = request.params
  if (userId !== 'me' && userId !== claims.sub) return reply.code(403).send({ error: 'not yours' })
  request.owner = claims.sub
})

const listed = {
  type: 'object',
  properties: {
    completed: { type: 'boolean' },
    cursor: { type: 'string', format: 'uuid' },
    limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  },
}
app.get(
  '/api/:userId/tasks',
  { schema: { params: owner, querystring: listed, response: { 200: page } } },
  async (request) => {
    const { completed, cursor, limit } = request.query
    const filters = [completed, cursor].filter((value) => value !== undefined)
    const name = `list${completed === undefined ? '' : 'By'}${cursor === undefined ? '' : 'Before'}`
    const { rows } = await query(name, request.owner, limit + 1, ...filters)
    const more = rows.length > limit
    if (more) rows.pop()
    return { items: rows, next_cursor: more ? rows[limit - 1].id : null }
  },
)

const created = { type: 'object', properties: input, required: ['title'], additionalProperties: false }
app.post(
  '/api/:userId/tasks',
  { schema: { params: owner, body: created, response: { 201: task } } },
  async (request, reply) => {
    const { title, description = null, completed = false } = request.body
    const { rows } = await query('post', request.owner, uuidv7(), title, description, completed)
    reply.code(201).header('location', `/api/${request.owner}/tasks/${rows[0].id}`)
    return rows[0]
  },
)

app.get('/api/:userId/tasks/:id', { schema: { params: one, response: { 200: task } } }, async (request, reply) => {
  const { rows } = await query('get', request.owner, request.params.id)
  return rows[0] ?? reply.code(404).send({ error: 'not found' })
})

const patched = { type: 'object', properties: input, additionalProperties: false }
app.patch(
  '/api/:userId/tasks/:id',
  { schema: { params: one, body: patched, response: { 200: task } } },
  async (request, reply) => {
    const { title, description, completed } = request.body
    const { rows } = await query(
      'patch', request.owner, request.params.id, title, description !== undefined, description, completed,
    )
    return rows[0] ?? reply.code(404).send({ error: 'not found' })
  },
)

app.delete('/api/:userId/tasks/:id', { schema: { params: one } }, async (request, reply) => {
  const { rowCount } = await query('delete', request.owner, request.params.id)
  return rowCount ? reply.code(204).send() : reply.code(404).send({ error: 'not found' })
})

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
