import { App, CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { PrivateEndpoint } from 'cdk-tidb-private-endpoint';
import { Construct } from 'constructs';

interface ApplicationProps extends StackProps {
  readonly vpcId: string;
  readonly serviceName: string;
}

/**
 * One application. It declares the endpoint without regard to other stacks: the first stack that you deploy creates the
 * endpoint, the others join it, and it is deleted together with the last stack.
 */
class Application extends Stack {
  constructor(scope: Construct, id: string, props: ApplicationProps) {
    super(scope, id, props);
    const vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', { vpcId: props.vpcId, availabilityZones: this.availabilityZones });

    const tidb = new PrivateEndpoint(this, 'TiDB', {
      vpc,
      serviceName: props.serviceName,
      tags: { team: 'data' },
    });

    // You can use the attributes wherever strings are accepted: environment variables, parameters, outputs.
    new ssm.StringParameter(this, 'JdbcUrl', { parameterName: `/${id}/jdbc-url`, stringValue: tidb.jdbcUrl });
    new CfnOutput(this, 'Host', { value: tidb.host });
    new CfnOutput(this, 'EndpointId', { value: tidb.vpcEndpointId });
    new CfnOutput(this, 'Reused', { value: tidb.reused });
  }
}

const app = new App();
const settings = {
  vpcId: app.node.getContext('vpcId'),
  serviceName: app.node.getContext('serviceName'),
};
new Application(app, 'orders', settings);
new Application(app, 'billing', settings);
