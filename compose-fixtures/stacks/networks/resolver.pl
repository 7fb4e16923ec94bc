#!/usr/bin/perl
# A DNS server (RFC 1035) that has one address for every name below corp.fixture, and no other name.
use strict;
use warnings;
use Socket;

socket(my $server, PF_INET, SOCK_DGRAM, 0) or die $!;
bind($server, sockaddr_in(53, INADDR_ANY)) or die $!;

while (my $asker = recv($server, my $query, 512, 0)) {
    next if length($query) < 17;
    my ($id, $flags) = unpack('n2', $query);
    my ($at, @labels) = (12);
    while ($at < length($query) and my $length = ord(substr($query, $at, 1))) {
        push @labels, lc(substr($query, $at + 1, $length));
        $at += $length + 1;
    }
    my $question = substr($query, 12, $at + 5 - 12);
    my ($type) = unpack('n', substr($query, $at + 1, 2));
    my $known = join('.', @labels) =~ /\.corp\.fixture\z/;
    my $found = $known && $type == 1;
    my $reply = pack('n6', $id, 0x8180 | ($known ? 0 : 3), 1, $found ? 1 : 0, 0, 0) . $question;
    $reply .= pack('nnnNn', 0xc00c, 1, 1, 5, 4) . inet_aton('203.0.113.9') if $found;
    send($server, $reply, 0, $asker);
}
