import * as route53 from 'aws-cdk-lib/aws-route53';
import { IPrivateEndpoint } from './endpoint';

/**
 * An endpoint as the target of an alias record. `InterfaceVpcEndpointTarget` of aws-cdk-lib accepts no other endpoints than
 * those that the app creates itself.
 */
export class PrivateEndpointTarget implements route53.IAliasRecordTarget {
  /**
   * @param endpoint the endpoint
   */
  constructor(private readonly endpoint: IPrivateEndpoint) {}

  /**
   * Returns the DNS name of the endpoint and its hosted zone. The CDK calls this method.
   *
   * @param _record the record
   * @param _zone the zone of the record
   */
  public bind(_record: route53.IRecordSet, _zone?: route53.IHostedZone): route53.AliasRecordTargetConfig {
    return { dnsName: this.endpoint.dnsName, hostedZoneId: this.endpoint.hostedZoneId };
  }
}
