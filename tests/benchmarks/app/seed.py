"""The rows of one tenant: the same number for every tenant of every system."""

from tests.benchmarks.app.models import Article, Remark

ARTICLES = 50
REMARKS_PER_ARTICLE = 3


def seed(name: str) -> None:
    """Fill the tables of the schema in force; `name` comes back in every answer.

    Idempotent: by the first article.
    """
    if Article.objects.exists():
        return
    articles = Article.objects.bulk_create(
        Article(title=f"Article {number} of {name}", body="Some words of a body. " * 10)
        for number in range(1, ARTICLES + 1)
    )
    Remark.objects.bulk_create(
        Remark(article=article, text=f"Remark {number} of {name}")
        for article in articles
        for number in range(REMARKS_PER_ARTICLE)
    )
