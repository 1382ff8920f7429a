from setuptools import find_packages, setup

setup(
    name="flask_core",
    version="0.1.7",
    packages=find_packages(exclude=("tests",)),
    python_requires=">=3.11",
    install_requires=["prometheus-client>=0.20"],
    extras_require={
        "quart": ["quart>=0.19", "asyncpg>=0.29"],
        "flask": ["flask>=3.0", "psycopg2-binary>=2.9"],
    },
)
