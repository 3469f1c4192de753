# gridgate's image: the first stage builds, and the second takes only the program.
#
# scripts/dockerfile-replay runs these steps without a container engine. For that, RUN lines of the build stage name no absolute
# path, and COPY lines list paths instead of patterns.

FROM rust:1-slim-bookworm AS build
WORKDIR /build
# `docker build --build-arg FEATURES=` leaves the sandbox out: `serve --sandbox`, `gridgate sandbox` and `gridgate demo`.
ARG FEATURES=sandbox

# The dependencies are a separate layer, which only a change of these files rebuilds. Cargo compiles the workspace's crates with
# empty sources, and all their dependencies.
COPY Cargo.toml Cargo.lock ./
COPY crates/grid/Cargo.toml crates/grid/
COPY crates/io/Cargo.toml crates/io/
COPY crates/kyc/Cargo.toml crates/kyc/
COPY crates/sandbox/Cargo.toml crates/sandbox/
COPY crates/transport/Cargo.toml crates/transport/
RUN for crate in . crates/*; do mkdir "$crate/src" && touch "$crate/src/lib.rs"; done \
    && echo 'fn main() {}' | tee src/main.rs > build.rs \
    && cargo build --release --locked --no-default-features --features "$FEATURES" --bin gridgate \
    && rm -r src build.rs crates

COPY build.rs ./
COPY build build
COPY crates crates
COPY proto proto
COPY src src
# Sources keep their modification times, which may be older than those of the empty ones.
RUN find build.rs build crates proto src -type f -exec touch {} + \
    && cargo build --release --locked --no-default-features --features "$FEATURES" --bin gridgate \
    && mkdir -p image/usr/local/bin image/var/lib/gridgate \
    && cp target/release/gridgate image/usr/local/bin/

# glibc, libgcc and CA certificates; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12
COPY --from=build --chown=0:0 /build/image/usr/local/bin/gridgate /usr/local/bin/gridgate
# The working directory is the only writable folder; relative paths in the settings start here. Mount a volume on it to keep
# the data.
COPY --from=build --chown=65532:65532 /build/image/var/lib/gridgate /var/lib/gridgate
WORKDIR /var/lib/gridgate
# A number, so that an orchestrator can check that it is not root.
USER 65532:65532
EXPOSE 50051 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/gridgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/gridgate"]
CMD ["serve"]
