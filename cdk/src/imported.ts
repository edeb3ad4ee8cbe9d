import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { faultOfServiceToken } from './faults';

/**
 * A provider that was deployed separately. Not part of the interface of this package.
 *
 * @param exportName under what name the stack of template.yaml exports its service token by default
 */
export function imported(
  scope: Construct, id: string, serviceToken: string, exportName: string): Construct & { readonly serviceToken: string } {
  const fault = faultOfServiceToken(serviceToken, Stack.of(scope), exportName);
  if (fault) throw new Error(`${scope.node.path}/${id}: ${fault}`);
  class Import extends Construct {
    public readonly serviceToken = serviceToken;
  }
  return new Import(scope, id);
}
