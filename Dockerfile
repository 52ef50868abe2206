# The programs as images, a target each: docker build --target core-api -t core-api:1.0.0 .
# An image is a program, the libraries it is linked to and the data it reads: no shell, no packages.
ARG BASE=docker.io/library/debian:12-slim

FROM ${BASE} AS build
# npm brings the console of the API's documentation page; empty, the page does without.
ARG CONSOLE=npm
WORKDIR /src
COPY tests/support/install.sh tests/support/
RUN tests/support/install.sh image ${CONSOLE} && rm -rf /var/lib/apt/lists/*
COPY Makefile ./
COPY schema schema
COPY tests/support tests/support
COPY common common
COPY api api
COPY worker-tickets worker-tickets
COPY worker-email worker-email
RUN make -j"$(nproc)" build/release/bin/core-api build/release/bin/corectl \
	build/release/bin/worker-tickets build/release/bin/worker-email
COPY k8s/image_root.sh k8s/
RUN k8s/image_root.sh /image/core-api build/release/bin/core-api \
		/etc/ssl/certs/ca-certificates.crt /usr/share/zoneinfo && \
	k8s/image_root.sh /image/corectl build/release/bin/corectl \
		/etc/ssl/certs/ca-certificates.crt && \
	k8s/image_root.sh /image/worker-email build/release/bin/worker-email \
		/etc/ssl/certs/ca-certificates.crt && \
	fc-cache && \
	k8s/image_root.sh /image/worker-tickets build/release/bin/worker-tickets \
		/usr/share/fonts/truetype /var/cache/fontconfig

FROM scratch AS core-api
COPY --from=build /image/core-api /
USER 65532:65532
EXPOSE 3001 9091
ENTRYPOINT ["/usr/bin/core-api"]

FROM scratch AS worker-tickets
COPY --from=build /image/worker-tickets /
USER 65532:65532
ENTRYPOINT ["/usr/bin/worker-tickets"]

FROM scratch AS worker-email
COPY --from=build /image/worker-email /
USER 65532:65532
ENTRYPOINT ["/usr/bin/worker-email"]

FROM scratch AS corectl
COPY --from=build /image/corectl /
USER 65532:65532
ENTRYPOINT ["/usr/bin/corectl"]
CMD ["--help"]
