# Two targets: `web` without torch, which a web process never loads, and `worker` with it.
#   docker build --target worker --build-arg PIP_EXTRA_INDEX_URL=… chooses another build of torch (CPU or CUDA).
FROM python:3.11-slim-bookworm AS web-libraries
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --no-deps --require-hashes --requirement requirements.lock

FROM web-libraries AS worker-libraries
ARG PIP_EXTRA_INDEX_URL
COPY pyproject.toml ./
# The pin has one place; without a hash, because the CPU and CUDA wheels of one version differ.
RUN /opt/venv/bin/pip install "$(sed -n 's/^ *"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)"

FROM python:3.11-slim-bookworm AS base
RUN useradd --system --uid 10001 --create-home --home-dir /home/attune attune \
 && install --directory --owner attune --mode 0750 /data
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app:/app/platform \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    ATTUNE_HOME=/data \
    HF_HUB_OFFLINE=1
WORKDIR /app
COPY . .
USER attune
VOLUME /data

FROM base AS worker
COPY --from=worker-libraries /opt/venv /opt/venv
CMD ["celery", "--app", "workers.celery", "worker", "--queues", "default,refresh", "--concurrency", "2"]

FROM base AS web
COPY --from=web-libraries /opt/venv /opt/venv
EXPOSE 8000
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "4", "--timeout", "60", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--access-logfile", "-"]
