# One image for both workers; the command says which one runs. Debian, because the Temporal SDK's native core needs
# glibc: it doesn't load on Alpine.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts stay off: no dependency needs one, and each would be code that runs at build time.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY domain ./domain
COPY activities ./activities
COPY workflows ./workflows
COPY workers ./workers
COPY client ./client
COPY platform ./platform
RUN node workers/build-package.mjs
# What is optional to others is for bundling, which is done.
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && \
    # The native core comes for every platform, at 25 to 30 MB each; only this one's is ever loaded.
    find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(node -p 'process.arch === "arm64" ? "aarch64" : "x86_64"')-unknown-linux-gnu" -exec rm -r {} +

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    HEALTH_PORT=8080
WORKDIR /app
# Everything belongs to root, so that the worker can't change its own code.
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
# The command line, for whoever looks into a container: `docker compose exec orders concord doctor`.
RUN ln -s /app/dist/client/cli/bin.mjs /usr/local/bin/concord
USER node
# It starts within seconds, and then waits for Temporal and MongoDB for as long as it has to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT}/health`, { signal: AbortSignal.timeout(4_000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: SIGTERM reaches node, which hands back what it runs. Run with an init process (`docker run
# --init`, `init: true`): the kernel doesn't end process 1 by a signal while it still waits for its servers.
CMD ["node", "dist/workers/orders.js"]
