from django.urls import path

from publishing import preview

urlpatterns = [
    path("picture/<slug:uid>/<str:name>", preview.picture, name="preview-picture"),
    path("<slug:uid>/", preview.page, name="preview"),
    path("<slug:uid>/pages/<str:name>", preview.laid_out, name="preview-laid-out"),
    path("<slug:uid>/files/<str:name>", preview.artefact, name="artefact"),
]
