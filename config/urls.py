from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config.api import api
from config.monitors.metrics import metrics

admin.autodiscover()

handler404, handler500 = "config.api.not_found", "config.api.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("metrics", metrics),
    path("preview/", include("publishing.urls")),
    path("recover/", include("recovery.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
