"""Packaging of the shared library."""

from setuptools import find_packages, setup

setup(
    name="flask_core",
    version="0.9.4",
    packages=find_packages(),
    python_requires=">=3.11",
    install_requires=["quart>=0.19,<0.21", "pydal>=20230521.1", "psycopg2-binary>=2.9,<3"],
)
