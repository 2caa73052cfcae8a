from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("config.api")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("web.urls")),
]

handler404 = "common.api.errors.answer_not_found"
handler500 = "common.api.errors.answer_failure"
