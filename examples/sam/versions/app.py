"""Asks TiDB Cloud for its version, over the private endpoint."""

import functools
import json
import os
import ssl

import boto3
import pymysql
from botocore.config import Config

# A subnet without a way to Secrets Manager then fails with a sentence instead of at the function's timeout.
SECRETS = boto3.client("secretsmanager", config=Config(connect_timeout=3, retries={"total_max_attempts": 2}))


@functools.cache
def connection():
    """One for all invocations of this instance of the function."""
    secret = json.loads(SECRETS.get_secret_value(SecretId=os.environ["TIDB_SECRET_ARN"])["SecretString"])
    return pymysql.connect(
        host=os.environ["TIDB_HOST"],
        port=int(os.environ["TIDB_PORT"]),
        user=secret["username"],
        password=secret["password"],
        # Verifies the server's certificate and its name, against the authorities that the system trusts.
        ssl=ssl.create_default_context(),
        connect_timeout=5,
        read_timeout=10,
        autocommit=True,
    )


def handler(event, context):
    # Connects again if the server has ended an idle connection.
    connection().ping()
    with connection().cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone()
    return {"version": version}
