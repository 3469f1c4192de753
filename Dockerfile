# gridgate's image: built in one stage, of which the second takes the program alone.
#
# scripts/dockerfile-replay runs these steps without an engine. For that, RUN lines of the build stage name no absolute path, and
# what is copied from the context is listed here, not left to patterns.

FROM rust:1-slim-bookworm AS build
WORKDIR /build

# The dependencies, as a layer of their own, which only a change of these files builds anew. Cargo takes the empty sources for the
# workspace's crates, and builds all that they depend on.
COPY Cargo.toml Cargo.lock ./
COPY crates/grid/Cargo.toml crates/grid/
COPY crates/io/Cargo.toml crates/io/
COPY crates/kyc/Cargo.toml crates/kyc/
COPY crates/sandbox/Cargo.toml crates/sandbox/
COPY crates/transport/Cargo.toml crates/transport/
RUN for crate in . crates/*; do mkdir "$crate/src" && touch "$crate/src/lib.rs"; done \
    && echo 'fn main() {}' | tee src/main.rs > build.rs \
    && cargo build --release --locked --bin gridgate \
    && rm -r src build.rs crates

COPY build.rs ./
COPY build build
COPY crates crates
COPY proto proto
COPY src src
# Sources keep the time of their last change, which may lie before that of the empty ones.
RUN find build.rs build crates proto src -type f -exec touch {} + \
    && cargo build --release --locked --bin gridgate \
    && mkdir -p image/usr/local/bin image/var/lib/gridgate \
    && cp target/release/gridgate image/usr/local/bin/

# glibc, libgcc, the certificate authorities; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12
COPY --from=build --chown=0:0 /build/image/usr/local/bin/gridgate /usr/local/bin/gridgate
# The working directory, the one place where the program may write: relative paths in its settings start here. Mount a volume on it to
# keep what is written.
COPY --from=build --chown=65532:65532 /build/image/var/lib/gridgate /var/lib/gridgate
WORKDIR /var/lib/gridgate
# By number, so that an orchestrator can tell that it is not root.
USER 65532:65532
EXPOSE 50051 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/gridgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/gridgate"]
CMD ["serve"]
