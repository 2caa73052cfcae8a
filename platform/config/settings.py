"""The one settings file: everything that differs between machines comes from the environment.

Every variable read here is documented in docs/operations.md (a test compares them).
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from common import logs
from common.servers import ROOT, find_servers, home
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import env

BASE_DIR: Path = ROOT
ATTUNE_HOME: Path = home()
SERVERS = find_servers()

DEBUG = env.boolean("DEBUG", default=False)
# With no database named, this is a laptop or a test: a fixed key keeps sessions over restarts.
_DEVELOPMENT_KEY = "development-" + "0" * 50
SECRET_KEY = env.text("SECRET_KEY", _DEVELOPMENT_KEY)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", default="localhost,127.0.0.1,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
HTTPS = env.boolean("ATTUNE_HTTPS", default=False)
DEMO = env.boolean("ATTUNE_DEMO", default=SERVERS.embedded_database)
METRICS_TOKEN = env.text("METRICS_TOKEN", "")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "learners",  # before Django's own, whose command changepassword it replaces
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "knox",
    "rest_framework",
    "rules.apps.AutodiscoverRulesConfig",
    "common",
    "content",
    "recommender",
    "web",
    "workers",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "common.csp.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "web.middleware.PersonLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise env.InvalidSetting(
            f"DATABASE_URL must begin with postgres://; got {parts.scheme or 'no scheme'}://"
        )
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django_prometheus.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
        "CONN_MAX_AGE": env.integer("DATABASE_CONN_MAX_AGE", default=60, minimum=0),
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer in transaction mode keeps no session, so no server-side cursor may outlive a transaction.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "TEST": {"NAME": env.text("TEST_DATABASE_NAME", "") or None},
    }


DATABASES = {"default": _database(SERVERS.database_url)}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": SERVERS.redis_url,
        "KEY_PREFIX": "attune",
        "OPTIONS": {
            "socket_connect_timeout": 0.1,
            "socket_timeout": 0.5,
            # One more try at once, for a connection that died in the pool; the library's own three tries wait
            # seconds between them, which a request must not while the broker is away.
            "retry": Retry(NoBackoff(), 1),
        },
    }
}

CELERY_BROKER_URL = SERVERS.celery_broker_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TIMEZONE = "UTC"
# A killed worker's work is taken up through the lease in its row, not through the broker's redelivery.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 12 * 3600, "socket_connect_timeout": 0.1}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "artefacts": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": env.text("ARTEFACTS_S3_BUCKET"),
                "endpoint_url": env.text("ARTEFACTS_S3_ENDPOINT", "") or None,
                "location": "artefacts",
                "file_overwrite": True,
            },
        }
        if env.text("ARTEFACTS_S3_BUCKET", "")
        else {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": ATTUNE_HOME / "artefacts"},
        }
    ),
}
STATIC_URL = "static/"
STATIC_ROOT = ATTUNE_HOME / "static"
MEDIA_ROOT = ATTUNE_HOME / "media"
WHITENOISE_USE_FINDERS = SERVERS.embedded_database

AUTH_USER_MODEL = "learners.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# Without a mail server nobody is told that a mail was sent to her.
ACCOUNT_EMAIL_VERIFICATION = env.text(
    "ACCOUNT_EMAIL_VERIFICATION", "optional" if env.text("EMAIL_HOST", "") else "none"
)
ACCOUNT_SIGNUP_ENABLED = env.boolean("SIGNUP_ENABLED", default=True)
ACCOUNT_ADAPTER = "learners.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "learners.forms.LoginForm",
    "reset_password": "learners.forms.ResetPasswordForm",
}
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "common.addresses.client_address"
AXES_LOCKOUT_TEMPLATE = "web/lockout.html"
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.text("EMAIL_HOST", "")
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", default=True)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Attune <attune@localhost>")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True

SESSION_ENGINE = "learners.models.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("BEHIND_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "media-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# The largest body is judged by the API itself, which answers 413 in its own envelope.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "common.api.authentication.HeaderTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "common.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "common.api.errors.handle_exception",
    "DEFAULT_THROTTLE_RATES": {
        "login": env.text("THROTTLE_LOGIN", "30/min"),
        "join": env.text("THROTTLE_JOIN", "10/min"),
        "join_address": env.text("THROTTLE_JOIN_ADDRESS", "60/min"),
    },
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=30), "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "Attune",
    "DESCRIPTION": "Personalised learning: what to study next, and why.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SignalEnum": "recommender.models.Feedback.Signal",
        "ObservedEnum": "recommender.models.Observation.Signal",
    },
}

UNFOLD = {
    "SITE_TITLE": "Attune",
    "SITE_HEADER": "Attune",
    "SITE_URL": "/",
    "SITE_SYMBOL": "school",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/icon.svg")}
    ],
    "SHOW_HISTORY": True,
    "COLORS": {
        # The green of the pages, from light to dark.
        "primary": {
            "50": "#eef8f4",
            "100": "#dfeee8",
            "200": "#bfe3d6",
            "300": "#9be3cd",
            "400": "#74cfb6",
            "500": "#2f9a82",
            "600": "#0d6857",
            "700": "#0b5a4b",
            "800": "#094d41",
            "900": "#0b3f36",
            "950": "#082a24",
        }
    },
}

# The recommender
TEXT_ENCODER = env.text("TEXT_ENCODER", "all-MiniLM-L6-v2")
TEXT_ENCODER_SHA256 = env.text("TEXT_ENCODER_SHA256", "")
DEVICE = env.text("ATTUNE_DEVICE", "auto")
TRAINING_MINUTES = env.number("TRAINING_MINUTES", default=60, minimum=0.1)
EXPLORATION_RATE = env.number("EXPLORATION_RATE", default=0.1, minimum=0)
ACTIVATION_GATE = env.boolean("ACTIVATION_GATE", default=False)
ACTIVATION_GATE_MIN_EVENTS = env.integer("ACTIVATION_GATE_MIN_EVENTS", default=500, minimum=1)
ACTIVATION_GATE_MARGIN = env.number("ACTIVATION_GATE_MARGIN", default=0.02, minimum=0)
REFRESH_BATCH = env.integer("REFRESH_BATCH", default=256, minimum=1)
LEASE_SECONDS = env.integer("LEASE_SECONDS", default=30, minimum=5)
SWEEP_SECONDS = env.integer("SWEEP_SECONDS", default=10, minimum=1)
SLATE_DAYS = env.integer("SLATE_DAYS", default=90, minimum=1)

LOGGING = logs.configure(
    level=env.text("LOG_LEVEL", "INFO"), json=env.boolean("LOG_JSON", default=False)
)
