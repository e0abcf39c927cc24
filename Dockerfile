# loadgate alone, as a static binary, run by nobody in particular:
#
#   docker build -t loadgate .
#   docker run --rm --network host -v "$PWD:/work" --user "$(id -u):$(id -g)" loadgate run scenarios/api.json
#
# A target that the scenario starts needs its own program (node) in the image: build on an image
# that has it, with COPY --from=loadgate /usr/local/bin/loadgate /usr/local/bin/.
FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY docs/sre docs/sre
COPY benches benches
COPY examples/*.rs examples/
COPY tests/it/main.rs tests/it/main.rs
RUN cargo build --locked --profile dist --bin loadgate
# Agents, and a run with generators of its own, have what they learn in /tmp until it is told.
RUN mkdir -p /image && mkdir -m 1777 /image/tmp

FROM scratch
COPY --from=build /image/ /
COPY --from=build /src/target/dist/loadgate /usr/local/bin/loadgate
COPY LICENSE-MIT /LICENSE-MIT
ENV PATH=/usr/local/bin
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/loadgate"]
