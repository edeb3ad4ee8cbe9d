// The Node.js peer: creates or reuses the endpoint of a service in a VPC with the AWS SDK v3, and responds to
// CloudFormation like the CDK's provider framework. It does not coordinate sharing or validate requests.

import {
  CreateVpcEndpointCommand, DeleteVpcEndpointsCommand, DescribeVpcEndpointServicesCommand, EC2Client,
  paginateDescribeSubnets, paginateDescribeVpcEndpoints,
} from '@aws-sdk/client-ec2';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const client = new EC2Client({});

// The polling interval in milliseconds, which is the isComplete interval of the CDK's provider framework.
const POLL = 5000;

const filters = (values) => Object.entries(values).map(([Name, value]) => ({ Name, Values: [value] }));

// Returns the usable endpoint of the service in the VPC, if there is one.
async function find({ VpcId, ServiceName }) {
  const Filters = filters({ 'vpc-id': VpcId, 'service-name': ServiceName });
  for await (const page of paginateDescribeVpcEndpoints({ client }, { Filters })) {
    const usable = page.VpcEndpoints.find(({ State }) => ['available', 'pending'].includes(State.toLowerCase()));
    if (usable) return usable;
  }
}

// Returns one subnet in every zone that the service supports.
async function subnets({ VpcId, ServiceName }) {
  const services = await client.send(new DescribeVpcEndpointServicesCommand({ ServiceNames: [ServiceName] }));
  const chosen = new Map();
  for await (const page of paginateDescribeSubnets({ client }, { Filters: filters({ 'vpc-id': VpcId }) })) {
    for (const { AvailabilityZone, SubnetId } of page.Subnets) {
      if (services.ServiceDetails[0].AvailabilityZones.includes(AvailabilityZone) && !chosen.has(AvailabilityZone)) {
        chosen.set(AvailabilityZone, SubnetId);
      }
    }
  }
  return [...chosen.values()];
}

async function create(properties) {
  let endpoint = await find(properties);
  const Reused = String(Boolean(endpoint));
  if (!endpoint) {
    const { VpcId, ServiceName, SecurityGroupIds } = properties;
    await client.send(new CreateVpcEndpointCommand({
      VpcEndpointType: 'Interface', VpcId, ServiceName, SubnetIds: await subnets(properties), SecurityGroupIds,
      PrivateDnsEnabled: true,
    }));
    endpoint = await find(properties);
  }
  while (endpoint?.State.toLowerCase() !== 'available') {
    await sleep(POLL);
    endpoint = await find(properties);
  }
  const EndpointId = endpoint.VpcEndpointId;
  return { PhysicalResourceId: EndpointId, Data: { EndpointId, DnsName: endpoint.DnsEntries[0].DnsName, Reused } };
}

// Like cfn-response in the CDK: a PUT without a content type, with five attempts one second apart.
async function submit(event, Status, result) {
  const { StackId, RequestId, LogicalResourceId } = event;
  const PhysicalResourceId = event.PhysicalResourceId ?? RequestId;
  const body = JSON.stringify({
    Status, Reason: Status, StackId, RequestId, LogicalResourceId, PhysicalResourceId, ...result,
  });
  const { hostname, port, pathname, search } = new URL(event.ResponseURL);
  const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await new Promise((resolve, reject) => {
        const request = https.request(
          { hostname, port, path: pathname + search, method: 'PUT', headers },
          (response) => {
            response.resume();
            if (response.statusCode >= 400) reject(new Error(`HTTP ${response.statusCode}`)); else resolve();
          },
        );
        request.on('error', reject);
        request.end(body);
      });
      return;
    } catch (error) {
      if (attempt === 5) throw error;
      await sleep(1000);
    }
  }
}

export async function handler(event) {
  console.log(JSON.stringify({ ...event, ResponseURL: '...' }));
  try {
    if (event.RequestType === 'Delete') {
      await client.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [event.PhysicalResourceId] }));
      await submit(event, 'SUCCESS', {});
    } else {
      await submit(event, 'SUCCESS', await create(event.ResourceProperties));
    }
  } catch (error) {
    console.error(error);
    await submit(event, 'FAILED', { Reason: String(error) });
  }
}
