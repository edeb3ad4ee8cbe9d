"""Queries the version of TiDB Cloud over the private endpoint."""

import functools
import json
import os
import ssl

import boto3
import pymysql
from botocore.config import Config

# In a subnet that cannot reach Secrets Manager, the function then fails with an error message instead of timing out.
SECRETS = boto3.client("secretsmanager", config=Config(connect_timeout=3, retries={"total_max_attempts": 2}))


@functools.cache
def connection():
    """Returns a connection that all invocations of this function instance share."""
    secret = json.loads(SECRETS.get_secret_value(SecretId=os.environ["TIDB_SECRET_ARN"])["SecretString"])
    return pymysql.connect(
        host=os.environ["TIDB_HOST"],
        port=int(os.environ["TIDB_PORT"]),
        user=secret["username"],
        password=secret["password"],
        # Verifies the server's certificate and host name against the certificate authorities that the system trusts.
        ssl=ssl.create_default_context(),
        connect_timeout=5,
        read_timeout=10,
        autocommit=True,
    )


def handler(event, context):
    # Reconnects if the server has closed an idle connection.
    connection().ping()
    with connection().cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone()
    return {"version": version}
