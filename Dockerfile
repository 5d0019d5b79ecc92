# One image for every service and the edge; what runs is the argument: `services.order`, `edge run`.
# Never built where it was written (there is no Docker there): expect to mend something the first time.
FROM python:3.11-slim AS packages
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /argosy
RUN uv venv /opt/argosy
ENV VIRTUAL_ENV=/opt/argosy
COPY pyproject.toml requirements.lock README.md ./
# What runs alone, in the versions (and with the hashes) of the lock.
RUN uv pip compile --quiet --no-header --extra edge --constraint requirements.lock --generate-hashes \
        pyproject.toml -o runtime.txt \
    && uv pip install --no-cache --require-hashes -r runtime.txt

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home argosy
# Where compose.yaml keeps the services' keys; a cluster mounts them from Secrets.
RUN install -d -o argosy -g argosy /keys
COPY --from=packages /opt/argosy /opt/argosy
WORKDIR /argosy
COPY generated ./generated
COPY envoy ./envoy
COPY edge ./edge
COPY services ./services
COPY cli ./cli
RUN /opt/argosy/bin/python -m compileall -q generated services edge cli
ENV PATH=/opt/argosy/bin:$PATH \
    PYTHONPATH=/argosy:/argosy/generated/python \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["services.user"]
