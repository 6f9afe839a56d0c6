# edgetp with the official CUDA build of LibTorch, on NVIDIA's CUDA images: see docker/compose.nvidia.yml.
# The other packages are Ubuntu's; scripts/setup.sh knows them under the same names.
ARG CUDA_VERSION=12.6.3
ARG UBUNTU=ubuntu24.04

FROM nvidia/cuda:${CUDA_VERSION}-devel-${UBUNTU} AS build
ARG LIBTORCH_URL=https://download.pytorch.org/libtorch/cu126/libtorch-cxx11-abi-shared-with-deps-2.6.0%2Bcu126.zip
WORKDIR /src
COPY scripts/lib.sh scripts/setup.sh scripts/
RUN EDGETP_LIBTORCH=own scripts/setup.sh && apt-get install -y --no-install-recommends unzip && rm -rf /var/lib/apt/lists/*
RUN curl --fail --location --output /tmp/libtorch.zip "$LIBTORCH_URL" && unzip -q /tmp/libtorch.zip -d /opt && rm /tmp/libtorch.zip
COPY CMakeLists.txt LICENSE ./
COPY cmake cmake
COPY proto proto
COPY common common
COPY server server
COPY worker worker
COPY web web
COPY cli cli
COPY configs configs
COPY deploy/systemd deploy/systemd
COPY scripts/make_test_ca.sh scripts/
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DEDGETP_TESTS=OFF -DCMAKE_UNITY_BUILD=ON -DCMAKE_INSTALL_PREFIX=/usr/local \
      -DCMAKE_PREFIX_PATH=/opt/libtorch -DCMAKE_INSTALL_RPATH=/opt/libtorch/lib \
    && cmake --build build \
    && DESTDIR=/install cmake --install build --strip

FROM nvidia/cuda:${CUDA_VERSION}-base-${UBUNTU} AS runtime
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
         libgrpc++1.51t64 libprotobuf32t64 libabsl20220623t64 libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 \
         libspdlog1.12 libfmt9 libssl3t64 libicu74 ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /var/lib/edgetp --create-home --shell /usr/sbin/nologin edgetp \
    && mkdir /var/lib/edgetp/runs /var/lib/edgetp/data && chown edgetp:edgetp /var/lib/edgetp/*
COPY --from=build /opt/libtorch/lib /opt/libtorch/lib
COPY --from=build /install/usr/local /usr/local
USER edgetp
WORKDIR /var/lib/edgetp
VOLUME /var/lib/edgetp/runs
ENV EDGETP_HEALTH=127.0.0.1:50051
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD edgetp health "$EDGETP_HEALTH"
CMD ["edgetp", "--help"]
