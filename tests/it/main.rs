use ec2_sim as _;
