"""The desk for an ASGI server. A wrong setting stops the start with its check's sentence."""

import os

from django.core.asgi import get_asgi_application
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("GALLEY_DATABASE_POOL", "8")
application = get_asgi_application()
call_command("check")
