"""The 30 bullets of the standard's checklist, in its order and words."""

from __future__ import annotations

BULLETS: dict[str, str] = {
    "CQ1": "Passes black, flake8, mypy",
    "CQ2": "All functions have docstrings",
    "CQ3": "No hardcoded credentials or secrets",
    "CQ4": "Comprehensive error handling",
    "T1": "Unit tests written (>80% coverage)",
    "T2": "Integration tests pass",
    "T3": "Edge cases tested",
    "T4": "Performance benchmarked",
    "S1": "API authentication required",
    "S2": "Input validation on all endpoints",
    "S3": "Webhook signatures verified",
    "S4": "SQL injection prevention (parameterized queries)",
    "S5": "XSS protection (if frontend)",
    "L1": "AAA logging implemented",
    "L2": "No sensitive data in logs",
    "L3": "Structured logging format",
    "L4": "Log rotation configured",
    "D1": "README.md with setup instructions",
    "D2": "API endpoint documentation",
    "D3": "Environment variables documented",
    "D4": "Configuration examples provided",
    "P1": "Dockerfile present and tested",
    "P2": "Health check endpoint working",
    "P3": "All dependencies in requirements.txt",
    "P4": "Kubernetes YAML provided",
    "P5": "Environment variables externalized",
    "M1": "Metrics exposed (Prometheus format)",
    "M2": "Logging configured",
    "M3": "Alerts configured",
    "M4": "SLO defined",
}

SECTIONS: dict[str, str] = {
    "CQ": "Code Quality",
    "T": "Testing",
    "S": "Security",
    "L": "Logging",
    "D": "Documentation",
    "P": "Deployment",
    "M": "Monitoring",
}


def section_of(bullet: str) -> str:
    """The heading a bullet stands under."""
    return SECTIONS[bullet.rstrip("0123456789")]
