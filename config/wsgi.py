"""The desk for a WSGI server. A wrong setting stops the start with its check's sentence."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.umask(0o077)  # what is written is for this user alone
application = get_wsgi_application()
call_command("check")
