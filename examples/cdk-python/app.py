from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ssm as ssm
from cdk_tidb_private_endpoint import PrivateEndpoint
from constructs import Construct


class Application(Stack):
    """One application. It declares the endpoint without regard to other stacks: the first stack that you deploy creates
    the endpoint, the others join it, and it is deleted together with the last stack."""

    def __init__(self, scope: Construct, id: str, *, vpc_id: str, service_name: str, **kwargs) -> None:
        super().__init__(scope, id, **kwargs)
        vpc = ec2.Vpc.from_vpc_attributes(
            self, "Vpc", vpc_id=vpc_id, availability_zones=self.availability_zones
        )

        tidb = PrivateEndpoint(self, "TiDB", vpc=vpc, service_name=service_name, tags={"team": "data"})

        # You can use the attributes wherever strings are accepted: environment variables, parameters, outputs.
        ssm.StringParameter(self, "JdbcUrl", parameter_name=f"/{id}/jdbc-url", string_value=tidb.jdbc_url)
        CfnOutput(self, "Host", value=tidb.host)
        CfnOutput(self, "EndpointId", value=tidb.vpc_endpoint_id)
        CfnOutput(self, "Reused", value=tidb.reused)


app = App()
settings = {
    "vpc_id": app.node.get_context("vpcId"),
    "service_name": app.node.get_context("serviceName"),
}
Application(app, "orders", **settings)
Application(app, "billing", **settings)
app.synth()
