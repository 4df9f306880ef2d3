# One file, two images: `api` without PyTorch, `worker` with it. Every install step is a script in bin/, the ones make and CI run.
#   docker build --target api -t tessera-api .
#   docker build --target worker -t tessera-worker .

FROM debian:12-slim AS base
ENV VENV=/opt/tessera \
    PATH=/opt/tessera/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    TESSERA_LOCK=requirements.server.lock \
    TESSERA_DATA_DIR=/var/lib/tessera
WORKDIR /app
COPY bin/debian bin/
RUN bin/debian server \
    && useradd --system --uid 10001 --home-dir /var/lib/tessera --create-home tessera

# The dependencies are layers of their own: a change of the sources leaves them alone.
FROM base AS api-dependencies
COPY pyproject.toml requirements.server.lock ./
COPY bin/setup bin/
RUN TESSERA_TORCH=no bin/setup dependencies

FROM api-dependencies AS worker-dependencies
# Further arguments of pip for PyTorch alone, to choose a CPU or CUDA build.
ARG TESSERA_TORCH_PIP_ARGS=""
RUN TESSERA_TORCH=yes bin/setup dependencies

FROM worker-dependencies AS worker
COPY . .
# Compiled kernels fit the processor that compiled them; on another one they are compiled anew and kept, if they may be written.
RUN TESSERA_TORCH=yes bin/setup && chown -R tessera: genotypes/__pycache__ models/peeling/__pycache__ models/haplotypes/__pycache__
USER tessera
CMD ["python", "-m", "worker", "--queues", "cpu"]

FROM api-dependencies AS api
COPY . .
RUN TESSERA_TORCH=no bin/setup
USER tessera
EXPOSE 8000
ENV TESSERA_SERVER_HOST=0.0.0.0
CMD ["python", "-m", "api"]
