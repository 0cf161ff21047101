from django.urls import path

from recovery.mail import links

urlpatterns = [path("<str:token>/", links.follow, name="mail-link")]
