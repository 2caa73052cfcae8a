import os

from common.servers import ensure_servers
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ensure_servers()
application = get_asgi_application()
