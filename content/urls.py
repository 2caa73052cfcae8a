from rest_framework.routers import SimpleRouter

from content.api.views import ConceptViews, CourseViews, ItemViews

router = SimpleRouter()
router.register("courses", CourseViews, basename="course")
router.register("concepts", ConceptViews, basename="concept")
router.register("items", ItemViews, basename="item")

urlpatterns = router.urls
