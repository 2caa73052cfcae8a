"""Model versions and the runs that make them; slates, what was shown of them, and what learners said."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from content.models import Item
from recommender.calibrations import AttentionReading  # noqa: F401  where Django looks for models
from recommender.entries import EntriesField
from recommender.observations import ItemNorm, Observation  # noqa: F401  where Django looks for models


class ModelVersion(models.Model):
    """Immutable weights with manifest and metrics; at most one is active."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    artefact = models.CharField(
        _("artefact"), max_length=200, unique=True, help_text=_("Folder in the artefact storage.")
    )
    sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64)
    manifest = models.JSONField(_("manifest"))
    metrics = models.JSONField(_("metrics"))
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


class Slate(models.Model):
    """One ranked list computed for one learner."""

    class Source(models.TextChoices):
        MODEL = "model", _("model")
        SYLLABUS = "syllabus", _("syllabus")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="slates",
        db_index=False,
    )
    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="slates",
    )
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    computed_at = models.DateTimeField(_("computed"))
    seq = models.BigIntegerField(
        _("changes seen"), help_text=_("The dirty_seq that was read with the history.")
    )
    entries = EntriesField(
        _("entries"),
        help_text=_(
            "In rank order: item pk, score, predicted success, retrievability, terms of the utility, reason codes and parameters."
        ),
    )
    exploration = models.JSONField(
        _("exploration"),
        null=True,
        help_text=_("Slot, item and probability of the explored entry."),
    )
    history = models.BinaryField(
        _("history"),
        help_text=_("Event ids (int64) that the contributions refer to."),
        default=bytes,
    )
    contributions = models.BinaryField(
        _("contributions"),
        help_text=_(
            "The largest, 32 for each of the first 30 entries, 3 for the others: position in the history (uint16) and share (float16)."
        ),
        default=bytes,
    )
    kept = models.BooleanField(
        _("kept"), default=False, help_text=_("Shown or answered with feedback: not overwritten.")
    )

    class Meta:
        verbose_name = _("slate")
        verbose_name_plural = _("slates")
        indexes = [
            # Read by every page and API call: a learner's newest slate.
            models.Index("learner", F("computed_at").desc(), name="recommender_slate_newest"),
            # Read by the pruning of old slates.
            models.Index(fields=["computed_at"], name="recommender_slate_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Impression(models.Model):
    """An item of a slate that was really shown, with the probability at which it was."""

    slate = models.ForeignKey(
        Slate,
        verbose_name=_("slate"),
        on_delete=models.CASCADE,
        related_name="impressions",
        db_index=False,
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="impressions",
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="impressions"
    )
    position = models.PositiveSmallIntegerField(_("position"), help_text=_("1 is the top."))
    propensity = models.FloatField(_("propensity"), null=True)
    explored = models.BooleanField(_("explored"), default=False)
    shown_at = models.DateTimeField(_("shown"))

    class Meta:
        verbose_name = _("impression")
        verbose_name_plural = _("impressions")
        constraints = [
            models.UniqueConstraint(fields=["slate", "item"], name="recommender_impression_unique")
        ]

    def __str__(self) -> str:
        return f"{self.slate_id}: {self.position}"


class Feedback(models.Model):
    """What a learner said of an item: the ledger that her attention profile is a fold of."""

    class Signal(models.TextChoices):
        HELPFUL = "helpful", _("helpful")
        NOT_HELPFUL = "not_helpful", _("not helpful")
        TOO_EASY = "too_easy", _("too easy")
        TOO_HARD = "too_hard", _("too hard")
        NOT_NOW = "not_now", _("not now")
        KNOWN = "known", _("known")

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="feedback",
        db_index=False,
    )
    uid = models.UUIDField(_("feedback id"), default=uuid.uuid4)
    slate = models.ForeignKey(
        Slate,
        verbose_name=_("slate"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="feedback",
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="feedback"
    )
    slate_uid = models.UUIDField(
        _("slate id"), null=True, help_text=_("Stays when the slate has been pruned.")
    )
    list_success = models.FloatField(
        _("predicted success of the list"),
        null=True,
        help_text=_("Mean of the first five of the slate, where it was predicted."),
    )
    course_success = models.FloatField(
        _("predicted success of the course"),
        null=True,
        help_text=_("The same of the first five of the item's course."),
    )
    signal = models.CharField(_("signal"), max_length=12, choices=Signal.choices)
    comment = models.TextField(_("comment"), blank=True, max_length=2000)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    contributions = models.JSONField(
        _("contributions"),
        default=list,
        help_text=_("Event id, share and features, frozen from the slate that was answered."),
    )
    features = models.JSONField(
        _("features"), default=list, help_text=_("What weights can be of, of the item itself.")
    )
    withdrawn_at = models.DateTimeField(
        _("taken back"), null=True, help_text=_("From then on it counts as never said.")
    )

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "uid"], name="recommender_feedback_unique_uid"
            )
        ]
        indexes = [
            # The order in which a profile is folded; also what known and not-now hide.
            models.Index(
                fields=["learner", "received_at", "id"], name="recommender_feedback_ledger"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id} {self.signal} {self.item_id}"


class AttentionProfile(models.Model):
    """What a learner's feedback makes of her attention: her own settings, and the fold of her ledger as last computed.

    Every change of ledger or settings adds 1 to `revision` under the row's lock; the fold says which one it has seen.
    """

    learner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="attention",
    )
    revision = models.BigIntegerField(_("changes"), default=0)
    limits = models.JSONField(
        _("limits"), default=dict, help_text=_("Lowest and highest weight by feature, hers.")
    )
    paused = models.BooleanField(_("paused"), default=False)
    reset_at = models.DateTimeField(_("last reset"), null=True)
    state = models.JSONField(_("fold"), default=dict)
    folded_revision = models.BigIntegerField(_("changes seen"), default=0)
    folded_at = models.DateTimeField(_("computed"), null=True)

    class Meta:
        verbose_name = _("attention profile")
        verbose_name_plural = _("attention profiles")
        default_permissions = ()  # hers alone; who looks after the platform sees sums

    def __str__(self) -> str:
        return str(self.learner_id)
