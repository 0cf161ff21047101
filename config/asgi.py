"""The desk for an ASGI server. A wrong setting stops the start with its check's sentence."""

import os
import warnings

from django.core.asgi import get_asgi_application
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("GALLEY_DATABASE_POOL", "8")
# WhiteNoise hands out the desk's few small static files as synchronous streams, which is all that this is about.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
application = get_asgi_application()
call_command("check")
