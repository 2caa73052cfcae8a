"""What can be studied: courses as ordered trees of items, the concepts they teach, and the keys to exercises."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from content.querysets import CourseQuerySet, ItemQuerySet


class Course(models.Model):
    """An ordered tree of items in one language."""

    slug = models.SlugField(_("slug"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=200)
    language = models.CharField(_("language"), max_length=12, default="en")
    summary = models.TextField(_("summary"), blank=True)
    description = models.TextField(_("description"), blank=True, help_text=_("Markdown"))
    subject = models.CharField(_("subject"), max_length=100, blank=True)
    audience = models.CharField(_("audience"), max_length=200, blank=True)
    licence = models.CharField(_("licence"), max_length=60, blank=True)
    authors = models.JSONField(_("authors"), default=list, blank=True)
    translation_of = models.ForeignKey(
        "self",
        verbose_name=_("translation of"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="translations",
    )
    published = models.BooleanField(_("published"), default=True)
    synthetic = models.BooleanField(
        _("synthetic"),
        default=False,
        help_text=_("Holds imported interactions of a data set, not study material for people."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title


class Section(models.Model):
    """A node of the course's tree: sections hold sections and items, each in order of position."""

    course = models.ForeignKey(
        Course, verbose_name=_("course"), on_delete=models.CASCADE, related_name="sections"
    )
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="children",
    )
    slug = models.SlugField(_("slug"), max_length=100)
    title = models.CharField(_("title"), max_length=200)
    summary = models.TextField(_("summary"), blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["course", "position", "pk"]
        constraints = [
            # The importer recognises a section of a folder by its slug.
            models.UniqueConstraint(fields=["course", "slug"], name="content_section_unique_slug"),
        ]

    def __str__(self) -> str:
        return self.title


class Concept(models.Model):
    """A knowledge component: what an item teaches or practises."""

    slug = models.SlugField(_("slug"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    prerequisites = models.ManyToManyField(
        "self",
        through="Prerequisite",
        symmetrical=False,
        related_name="dependents",
        verbose_name=_("prerequisites"),
        blank=True,
    )

    class Meta:
        verbose_name = _("concept")
        verbose_name_plural = _("concepts")
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title


class Prerequisite(models.Model):
    """`concept` builds on `prerequisite`. The graph has no cycle: the service that writes it refuses one, naming it."""

    concept = models.ForeignKey(
        Concept,
        verbose_name=_("concept"),
        on_delete=models.CASCADE,
        related_name="prerequisite_links",
    )
    prerequisite = models.ForeignKey(
        Concept,
        verbose_name=_("prerequisite"),
        on_delete=models.CASCADE,
        related_name="dependent_links",
    )

    class Meta:
        verbose_name = _("prerequisite")
        verbose_name_plural = _("prerequisites")
        constraints = [
            models.UniqueConstraint(
                fields=["concept", "prerequisite"], name="content_prerequisite_unique"
            ),
            models.CheckConstraint(
                condition=~models.Q(concept=models.F("prerequisite")),
                name="content_prerequisite_not_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prerequisite} → {self.concept}"


class Item(models.Model):
    """One thing to study: a lesson, exercise, quiz, video or reading."""

    class Kind(models.TextChoices):
        LESSON = "lesson", _("lesson")
        EXERCISE = "exercise", _("exercise")
        QUIZ = "quiz", _("quiz")
        VIDEO = "video", _("video")
        READING = "reading", _("reading")

    GRADABLE = frozenset({Kind.EXERCISE, Kind.QUIZ})

    course = models.ForeignKey(
        Course, verbose_name=_("course"), on_delete=models.CASCADE, related_name="items"
    )
    section = models.ForeignKey(
        Section,
        verbose_name=_("section"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="items",
    )
    slug = models.SlugField(_("slug"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=200)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Order within the whole course (the syllabus).")
    )
    body = models.TextField(
        _("body"),
        blank=True,
        help_text=_("Markdown with maths between dollar signs; the question of an exercise."),
    )
    file = models.CharField(
        _("file"),
        max_length=300,
        blank=True,
        help_text=_("Path of a video's file below the media folder."),
    )
    minutes = models.FloatField(
        _("minutes"),
        default=5,
        validators=[MinValueValidator(0)],
        help_text=_("Typical attention time."),
    )
    difficulty = models.FloatField(
        _("difficulty"),
        default=0.5,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("The author's estimate, from 0 (easy) to 1 (hard)."),
    )
    concepts = models.ManyToManyField(
        Concept, verbose_name=_("concepts"), related_name="items", blank=True
    )
    published = models.BooleanField(_("published"), default=True)
    text_hash = models.CharField(
        _("text hash"),
        max_length=64,
        blank=True,
        editable=False,
        help_text=_("Of the text that is encoded; empty until computed."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ["course", "position", "pk"]
        indexes = [
            # Read by the syllabus and by every course page.
            models.Index(fields=["course", "position"], name="content_item_syllabus"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_gradable(self) -> bool:
        return self.kind in self.GRADABLE


class Question(models.Model):
    """What an exercise (one) or quiz (several) asks, with its key. Only the grading service reads the key."""

    class AnswerType(models.TextChoices):
        CHOICE = "choice", _("one choice")
        CHOICES = "choices", _("several choices")
        NUMBER = "number", _("number")
        TEXT = "text", _("text")

    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="questions"
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    prompt = models.TextField(
        _("prompt"), blank=True, help_text=_("Markdown; empty where the item's body asks.")
    )
    answer_type = models.CharField(_("answer type"), max_length=8, choices=AnswerType.choices)
    key = models.JSONField(
        _("key"),
        help_text=_(
            'choice, choices: {"options": [{"text", "correct", "feedback"}]}; number: {"value", "tolerance", "unit"}; '
            'text: {"accepted": ["…"], "case_sensitive"}.'
        ),
    )
    hints = models.JSONField(_("hints"), default=list, blank=True)
    explanation = models.TextField(
        _("explanation"), blank=True, help_text=_("Markdown; shown after an answer.")
    )

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["item", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "position"], name="content_question_unique_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.item}: {self.position + 1}"


class TextVector(models.Model):
    """The encoded text of items, keyed by what was encoded and by which encoder."""

    text_hash = models.CharField(_("text hash"), max_length=64)
    encoder = models.CharField(_("encoder"), max_length=64)
    vector = models.BinaryField(_("vector"), help_text=_("Little-endian float32, unit length."))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("text vector")
        verbose_name_plural = _("text vectors")
        constraints = [
            models.UniqueConstraint(
                fields=["text_hash", "encoder"], name="content_textvector_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.text_hash[:12]}@{self.encoder[:12]}"


class CatalogueChange(models.Model):
    """A statement that changed what a ranking is made of: courses, items, what they teach, prerequisites.

    Written by triggers in the database, in the transaction that makes the change, so that no bulk update, import or
    hand in psql goes by unseen, and whoever keeps a copy of the catalogue finds out by reading a few numbers.
    """

    id = models.BigAutoField(primary_key=True)
    changed_at = models.DateTimeField(_("changed"), db_default=Now())
    pruned = models.BooleanField(
        _("notes were deleted"),
        db_default=False,
        help_text=_("Left behind by whoever deleted older notes."),
    )

    class Meta:
        verbose_name = _("change of the catalogue")
        verbose_name_plural = _("changes of the catalogue")

    def __str__(self) -> str:
        return str(self.pk)
