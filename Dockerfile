FROM node:24-trixie-slim AS node

FROM rust:1.95-slim-trixie AS build
# With npm the build embeds GraphiQL's files; without it the page would load them from elsewhere.
COPY --from=node /usr/local/bin /usr/local/bin
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
WORKDIR /build
COPY . .
# What is cached is not part of the layer, so the program is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/root/.npm \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo build --release --locked --bin medislot \
    && cp target/release/medislot /usr/local/bin/medislot

FROM debian:trixie-slim
# curl is for health checks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/medislot medislot
COPY --from=build /usr/local/bin/medislot /usr/local/bin/medislot
USER medislot
# Where SQLite's file lands when no database is given: mount a volume here to keep it.
WORKDIR /var/lib/medislot
EXPOSE 8000
# No HEALTHCHECK: the same image is also the worker, which serves nothing. Ask a server for /readyz.
ENTRYPOINT ["medislot"]
CMD ["serve", "--listen", "0.0.0.0:8000"]
