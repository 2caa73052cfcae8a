import os

from common.servers import ensure_servers
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ensure_servers()
application = get_wsgi_application()
