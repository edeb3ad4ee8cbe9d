import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as route53 from 'aws-cdk-lib/aws-route53';
import { Construct } from 'constructs';
import { IPrivateEndpoint } from './endpoint';

/**
 * Properties of a `PrivateEndpointZone`.
 */
export interface PrivateEndpointZoneProps {
  /** The endpoint that the name leads to. */
  readonly endpoint: IPrivateEndpoint;

  /**
   * The VPC in which TiDB Cloud's private host name is to lead to the endpoint. It must not contain the endpoint, or
   * another one with private DNS for the same service: EC2 keeps the name for itself there.
   */
  readonly vpc: ec2.IVpc;
}

/**
 * A private hosted zone that makes TiDB Cloud's private host name lead to an endpoint in another VPC, so that TLS
 * verification works there as well. The zone has exactly this name: one for a part of the name would hide the public
 * names of TiDB Cloud.
 */
export class PrivateEndpointZone extends Construct {
  /** The ID of the private hosted zone. */
  public readonly hostedZoneId: string;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointZoneProps) {
    super(scope, id);
    const { endpoint, vpc } = props;
    // The name is known only at deployment, and the CDK's own constructs want to check it.
    const zone = new route53.CfnHostedZone(this, 'Zone', {
      name: endpoint.privateDnsName,
      hostedZoneConfig: { comment: 'The endpoint for TiDB Cloud in another VPC' },
      vpcs: [{ vpcId: vpc.vpcId, vpcRegion: vpc.env.region }],
    });
    new route53.CfnRecordSet(this, 'Record', {
      hostedZoneId: zone.attrId,
      name: endpoint.privateDnsName,
      type: route53.RecordType.A,
      aliasTarget: { dnsName: endpoint.dnsName, hostedZoneId: endpoint.hostedZoneId, evaluateTargetHealth: false },
    });
    this.hostedZoneId = zone.attrId;
  }
}
