from django.urls import path

from publishing import preview

urlpatterns = [
    path("picture/<path:signed>", preview.picture, name="preview-picture"),
    path("<slug:uid>/", preview.page, name="preview"),
    path("<slug:uid>/files/<str:name>", preview.artefact, name="artefact"),
]
