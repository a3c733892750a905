"""What the client and the server share: folders as archives, errors as gRPC statuses."""
