# The service (target `api`) and the web client (target `web`), each with nothing in it but what it runs.
# Both run as an account without rights, from a file system that may be read-only.

FROM python:3.13.11-slim-bookworm AS api-build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-prod.lock requirements-build.lock ./
# The locked packages first, by hash: this layer stays while only our own code changes.
RUN python -m venv --without-pip /opt/taskward \
 && python -m pip --python /opt/taskward/bin/python install --require-hashes -r requirements-prod.lock \
 && python -m pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY tokenward ./tokenward
COPY migrations ./migrations
COPY src ./src
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist ./tokenward . \
 && python -m pip --python /opt/taskward/bin/python install --no-deps --no-index dist/tokenward-*.whl dist/taskward-*.whl \
 && rm -r /opt/taskward/lib/python3.13/site-packages/taskward/embedded

FROM python:3.13.11-slim-bookworm AS api
COPY --from=api-build /opt/taskward /opt/taskward
ENV PATH=/opt/taskward/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json
WORKDIR /
USER 10001:10001
EXPOSE 8000
CMD ["taskward", "serve"]

FROM node:24.19.0-bookworm-slim AS web-build
WORKDIR /build
COPY web/package.json web/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY web ./
# Read by the browser's half, which is made here.
ARG NEXT_PUBLIC_DPOP
RUN npm run build

FROM node:24.19.0-bookworm-slim AS web
COPY --from=web-build /build/.next/standalone /opt/web
ENV NODE_ENV=production HOSTNAME=0.0.0.0 PORT=3000
WORKDIR /opt/web
USER 10001:10001
EXPOSE 3000
CMD ["node", "server/start.mjs"]
