# syntax=docker/dockerfile:1
# Build: all dependencies, compiled source. Run: production dependencies only, as a plain user.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY scripts ./scripts
COPY tools ./tools
COPY src ./src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3001
WORKDIR /app
COPY --from=build --chown=node:node /app/package.json ./package.json
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist ./dist
RUN mkdir -p data uploads logs && chown node:node data uploads logs
USER node
EXPOSE 3001
VOLUME ["/app/data", "/app/uploads", "/app/logs"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The process handles SIGTERM itself; `docker run --init` or compose's `init: true` reaps its children.
CMD ["node", "dist/src/main.js"]
