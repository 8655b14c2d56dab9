# The server as an image: the program and the shared libraries that it names, nothing else. Built by the
# engine's old builder too, so without mounts, here-documents and COPY --chmod.

ARG BUILDER=rust:1.95-slim-bookworm

FROM ${BUILDER} AS builder
# The least processor that the image is for, such as x86-64-v4: docs/performance.md says what it is worth.
ARG CPU=
ENV RUSTFLAGS="${CPU:+-C target-cpu=$CPU}"
# The tests build for tests, in a third of the time: --build-arg PROFILE=dev.
ARG PROFILE=release
WORKDIR /build
# Authorities to trust besides the public ones, such as that of a proxy which intercepts TLS. Empty in git.
COPY docker/certificates/ /usr/local/share/ca-certificates/
RUN update-ca-certificates
# Dependencies in a layer of their own, which a change of the sources leaves as it is.
COPY Cargo.toml Cargo.lock ./
COPY auth-core/Cargo.toml auth-core/
COPY auth-core/probe/Cargo.toml auth-core/probe/
COPY auth-strength/Cargo.toml auth-strength/
COPY auth-http/Cargo.toml auth-http/
COPY auth-c/Cargo.toml auth-c/
COPY auth-component/Cargo.toml auth-component/
COPY examples/axum-app/Cargo.toml examples/axum-app/
COPY examples/poem-app/Cargo.toml examples/poem-app/
COPY examples/rust-sync/Cargo.toml examples/rust-sync/
COPY tests/Cargo.toml tests/
COPY tests/load/Cargo.toml tests/load/
COPY xtask/Cargo.toml xtask/
RUN mkdir -p auth-core/src auth-core/probe/src auth-strength/src auth-http/src auth-c/src auth-component/src tests/src tests/load/src xtask/src \
        examples/axum-app/src examples/poem-app/src examples/rust-sync/src \
        tests/tests/integration tests/tests/faults tests/tests/compose tests/tests/browser \
    && touch auth-core/src/lib.rs auth-core/probe/src/lib.rs auth-strength/src/lib.rs auth-http/src/lib.rs auth-c/src/lib.rs auth-component/src/lib.rs tests/src/lib.rs \
        tests/tests/integration/main.rs tests/tests/faults/main.rs tests/tests/compose/main.rs tests/tests/browser/main.rs \
    && echo 'fn main() {}' | tee auth-http/src/main.rs tests/load/src/main.rs xtask/src/main.rs \
        examples/axum-app/src/main.rs examples/poem-app/src/main.rs examples/rust-sync/src/main.rs \
    && cargo build --profile ${PROFILE} --locked -p auth-http
COPY auth-core/ auth-core/
COPY auth-strength/ auth-strength/
COPY auth-http/ auth-http/
# The libraries come along instead of being linked in: since glibc 2.34 its libc.so.6 looks up names by itself
# and loads nothing more, while a static one is told by its makers not to, and needs the target's name here.
RUN touch auth-core/src/lib.rs auth-strength/src/lib.rs auth-http/src/lib.rs auth-http/src/main.rs \
    && cargo build --profile ${PROFILE} --locked -p auth-http \
    && mkdir /image \
    && cp target/*/auth-http /image/ \
    && ldd /image/auth-http | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /image \
    && rm -r target

# Nothing to log in to, nothing to run but the server. Public certificates are in the program.
FROM scratch
COPY --from=builder /image/ /
USER 65532:65532
ENV AUTH_LISTEN=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s CMD ["/auth-http", "healthcheck"]
ENTRYPOINT ["/auth-http"]
CMD ["serve"]
