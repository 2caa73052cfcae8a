"""Model versions, the runs that make them, and which of them was active when."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ModelVersion(models.Model):
    """Immutable weights with manifest and metrics; at most one is active."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    artefact = models.CharField(
        _("artefact"), max_length=200, unique=True, help_text=_("Folder in the artefact storage.")
    )
    sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64)
    manifest = models.JSONField(_("manifest"))
    metrics = models.JSONField(_("metrics"))
    reference = models.JSONField(
        _("reference"),
        default=dict,
        blank=True,
        help_text=_("What attention, inputs and lists looked like when it was trained, as counts."),
    )
    fairness = models.JSONField(
        _("fairness"),
        default=dict,
        blank=True,
        help_text=_("How it serves parts of the learners, on what its run held out."),
    )
    gate = models.JSONField(
        _("gate"), default=dict, blank=True, help_text=_("What the activation gate found.")
    )
    parent = models.ForeignKey(
        "self",
        verbose_name=_("started from"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="children",
    )
    data_until = models.DateTimeField(
        _("data until"), help_text=_("It was trained on events received up to this moment.")
    )
    problem = models.TextField(
        _("problem"), blank=True, help_text=_("Why a worker could not load it; empty if it can.")
    )
    is_active = models.BooleanField(_("active"), default=False)
    activated_at = models.DateTimeField(_("last activated"), null=True, blank=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"],
                condition=Q(is_active=True),
                name="recommender_one_active_version",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.pk}"


class Activation(models.Model):
    """The ledger of the active pointer: which version took over when, by whom; rolling back appends a row."""

    version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("version"),
        on_delete=models.CASCADE,
        related_name="activations",
    )
    previous = models.ForeignKey(
        ModelVersion,
        verbose_name=_("previous"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    at = models.DateTimeField(_("at"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=20)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.version} {self.at:%Y-%m-%d %H:%M}"


class TrainingRun(models.Model):
    """One execution of training: its state, progress and outcome."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    UNFINISHED = (Status.QUEUED, Status.RUNNING)

    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    phase = models.CharField(_("phase"), max_length=20, blank=True)
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    epochs = models.PositiveIntegerField(_("epochs"), default=0)
    loss = models.FloatField(_("loss"), null=True, blank=True)
    metric = models.FloatField(_("validation metric"), null=True, blank=True)
    seconds_left = models.FloatField(_("seconds left"), null=True, blank=True)
    history = models.JSONField(
        _("history"), default=list, blank=True, help_text=_("One row an epoch.")
    )
    data_until = models.DateTimeField(
        _("data until"),
        null=True,
        blank=True,
        help_text=_("It trains on events received up to this moment, whoever goes on with it."),
    )
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    error = models.TextField(_("error"), blank=True)
    version = models.OneToOneField(
        ModelVersion,
        verbose_name=_("version"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="run",
    )
    lease_owner = models.CharField(_("worker"), max_length=64, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    takeovers = models.PositiveIntegerField(
        _("takeovers"), default=0, help_text=_("How often another worker took it up.")
    )

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-pk"]
        constraints = [
            # Runs wait for one another: two workers that claim at once must not both train.
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="running"), name="recommender_one_running"
            ),
        ]
        indexes = [
            # Read by the sweeper: queued runs and those whose worker is gone.
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=["queued", "running"]),
                name="recommender_run_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Lease(models.Model):
    """Work that one worker at a time does, by name: who has it, and until when unless it is renewed."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    owner = models.CharField(_("worker"), max_length=64)
    until = models.DateTimeField(_("lease until"))

    class Meta:
        default_permissions = ()  # nobody but workers has to do with it

    def __str__(self) -> str:
        return self.name
