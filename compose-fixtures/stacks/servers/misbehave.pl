#!/usr/bin/perl
# A TCP server that misbehaves in one way: full, silent, reset, or http with a status.
use strict;
use warnings;
use Socket;

my ($mode, $port, $status) = @ARGV;
socket(my $server, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
bind($server, sockaddr_in($port, INADDR_ANY)) or die $!;
listen($server, $mode eq 'full' ? 0 : 64) or die $!;

if ($mode eq 'full') {
    # Fills its own backlog and never accepts: further connection requests are dropped.
    my @held;
    for (1 .. 4) {
        socket(my $client, PF_INET, SOCK_STREAM, 0) or die $!;
        $client->blocking(0);
        connect($client, sockaddr_in($port, INADDR_LOOPBACK));
        push @held, $client;
    }
    sleep 1 while 1;
}

my @held;
while (accept(my $client, $server)) {
    if ($mode eq 'silent') {
        push @held, $client;
        shift @held if @held > 256;
    } elsif ($mode eq 'reset') {
        sysread($client, my $request, 1);
        setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
        close $client;
    } else {
        sysread($client, my $request, 4096);
        my $body = "status $status\n";
        syswrite($client, "HTTP/1.1 $status Fixture\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body");
        close $client;
    }
}
