#!/usr/bin/perl
# Sets the MTU of eth0 where one is given, and serves HTTP where a port is given: an answer of so many bytes, or none.
use strict;
use warnings;
use Socket;

my ($mtu, $port, $size) = @ARGV;
socket(my $server, PF_INET, SOCK_STREAM, 0) or die $!;
# SIOCSIFMTU of netdevice(7).
$mtu and (ioctl($server, 0x8922, pack('a16 i x20', 'eth0', $mtu)) or die "MTU: $!");
if (!$port) { sleep 1 while 1 }
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
bind($server, sockaddr_in($port, INADDR_ANY)) or die $!;
listen($server, 64) or die $!;

# What is lost is sent again until its connection is dropped: many are held.
my @held;
while (accept(my $client, $server)) {
    push @held, $client;
    shift @held if @held > 64;
    $size or next;
    sysread($client, my $request, 4096);
    my $body = 'x' x $size;
    # Head and body in one segment, where the MTU has room for it.
    syswrite($client, "HTTP/1.1 200 OK\r\nContent-Length: $size\r\nConnection: close\r\n\r\n$body");
    shutdown($client, SHUT_WR);
}
