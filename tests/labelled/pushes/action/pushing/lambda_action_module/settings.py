"""Environment of the lambda action module."""

import os
from typing import List


def env(name: str, default: str = "") -> str:
    """Variable or default."""
    return os.environ.get(name, default)


class Settings:
    """Read at import; tests set the environment first."""

    MODULE = "lambda_action"

    def __init__(self) -> None:
        self.version = env("MODULE_VERSION", "0.2.0")
        self.port = int(env("MODULE_PORT", "8080"))
        self.grpc_port = int(env("GRPC_PORT", "50060"))
        self.database_url = env("DATABASE_URL")
        self.jwt_secret = env("JWT_SECRET")
        self.jwt_secret_previous = env("JWT_SECRET_PREVIOUS")
        self.aws_region = env("AWS_REGION", "us-east-1")
        self.aws_access_key_id = env("AWS_ACCESS_KEY_ID")
        self.aws_secret_access_key = env("AWS_SECRET_ACCESS_KEY")
        self.function_prefix = env("LAMBDA_FUNCTION_PREFIX", "waddlebot-")
        self.gcp_project = env("GCP_PROJECT_ID")
        self.gcp_region = env("GCP_REGION", "us-central1")
        self.callback_hosts: List[str] = [
            h.strip() for h in env("CALLBACK_HOSTS").split(",") if h.strip()
        ]
        self.callback_secret = env("CALLBACK_SECRET")
        self.thread_workers = int(env("THREAD_WORKERS", "16"))
        self.log_level = env("LOG_LEVEL", "INFO")
        self.log_dir = env("LOG_DIR", "/var/log/waddlebotlog")

    def check(self) -> None:
        """Fail early when a secret is missing."""
        missing = [
            n
            for n in ("database_url", "jwt_secret", "callback_secret")
            if not getattr(self, n)
        ]
        if missing:
            raise RuntimeError("not set: " + ", ".join(missing))


settings = Settings()
