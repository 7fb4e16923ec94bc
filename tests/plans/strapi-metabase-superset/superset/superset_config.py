# https://superset.apache.org/docs/configuration/configuring-superset
import logging

from cachelib.file import FileSystemCache
from celery.schedules import crontab

logger = logging.getLogger("redis")

SECRET_KEY = "fake"
SQLALCHEMY_DATABASE_URI = "postgresql+psycopg2://superset:fake@warehouse/superset"
RESULTS_BACKEND = FileSystemCache("/app/superset_home/sqllab")


class CeleryConfig:
    broker_url = "redis://redis:6379/0"
    imports = ("superset.sql_lab", "superset.tasks.scheduler")
    beat_schedule = {
        "reports.scheduler": {
            "task": "reports.scheduler",
            "schedule": crontab(minute="*", hour="*"),
        },
    }


CELERY_CONFIG = CeleryConfig
FEATURE_FLAGS = {"ALERT_REPORTS": True}
# the address in mails
WEBDRIVER_BASEURL_USER_FRIENDLY = "https://superset.example.com"
