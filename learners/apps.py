from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LearnersConfig(AppConfig):
    name = "learners"
    verbose_name = _("People")

    def ready(self) -> None:
        from learners import registrations

        registrations.register()
