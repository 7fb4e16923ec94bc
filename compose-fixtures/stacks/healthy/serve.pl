#!/usr/bin/perl
# An HTTP server that answers every request with 200.
use strict;
use warnings;
use Socket;

socket(my $server, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
bind($server, sockaddr_in($ARGV[0], INADDR_ANY)) or die $!;
listen($server, 64) or die $!;
while (accept(my $client, $server)) {
    sysread($client, my $request, 4096);
    syswrite($client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
    close $client;
}
