# One image for every service and the edge; what runs is the argument: `services.order`, `edge run`.
# `make image` builds it without Docker, `make image-test` starts all of it.
FROM python:3.11-slim AS packages
WORKDIR /argosy
COPY requirements.lock requirements.runtime.lock ./
COPY local/__init__.py local/paths.py local/progress.py local/
COPY local/setup local/setup
# What runs alone, as the locks have it, by the installer that they have; nothing is resolved here.
RUN python -m local.setup.packages /opt/argosy
RUN printf '#!/bin/sh\nexec /opt/argosy/bin/python -m cli "$@"\n' > /opt/argosy/bin/argosy \
    && chmod 755 /opt/argosy/bin/argosy

FROM python:3.11-slim
# Where compose.yaml keeps the services' keys; a cluster mounts them from Secrets.
RUN useradd --uid 10001 --user-group --no-create-home argosy && install -d -o argosy -g argosy /keys
COPY --from=packages /opt/argosy /opt/argosy
WORKDIR /argosy
COPY generated ./generated
COPY envoy ./envoy
COPY edge ./edge
COPY services ./services
COPY cli ./cli
COPY web ./web
# Set-up builds it: `make setup` comes before `docker build`.
COPY web/app/dist ./web/app/dist
RUN /opt/argosy/bin/python -m compileall -q generated services edge cli web
ENV PATH=/opt/argosy/bin:$PATH \
    PYTHONPATH=/argosy:/argosy/generated/python \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["services.user"]
