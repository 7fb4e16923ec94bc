#!/usr/bin/perl
# Whoever talks to whom here stands in this file alone, and in no setting; the names are put together, so that nothing can read
# them either.
use strict;
use warnings;
use IO::Socket::INET;

my @held;

sub name { return join '', split /-/, shift }

# A connection that stays.
sub hold {
    my ($host, $port) = @_;
    my $socket;
    until ($socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 2)) { sleep 1 }
    push @held, $socket;
}

# A server that accepts whoever comes, answers nothing, and lets nobody go.
sub serve {
    my $server = IO::Socket::INET->new(LocalPort => shift, Listen => 64, ReuseAddr => 1) or die $!;
    while (my $client = $server->accept) { push @held, $client }
}

# A server that accepts one client, and listens no more.
sub once {
    my $server = IO::Socket::INET->new(LocalPort => shift, Listen => 1, ReuseAddr => 1) or die $!;
    push @held, $server->accept;
    close $server;
}

# A server whose queue is full with connections of its own, so that the kernel drops whoever else asks.
sub deaf {
    my $port = shift;
    my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 1, ReuseAddr => 1) or die $!;
    listen $server, 0 or die $!;
    push @held, $server;
    for (1 .. 3) {
        my $own = IO::Socket::INET->new(Proto => 'tcp', Blocking => 0) or die $!;
        connect $own, pack_sockaddr_in($port, inet_aton('127.0.0.1'));
        push @held, $own;
    }
}

my %roles = (
    server => sub { serve(9000) },
    once => sub { once(9100) },
    deaf => sub { deaf(7000) },
    client => sub {
        hold(name('ser-ver'), 9000);
        hold(name('ca-che'), 6379);
        hold(name('on-ce'), 9100);
        hold(name('host.docker.in-ternal'), 36451);
    },
    stuck => sub {
        while (1) {
            # Not before the queue is full.
            sleep 2;
            push @held, IO::Socket::INET->new(PeerAddr => name('de-af'), PeerPort => 7000, Timeout => 600);
        }
    },
    # Too short to be seen by chance alone.
    brief => sub {
        while (1) {
            hold(name('ser-ver'), 9000);
            select undef, undef, undef, 0.25;
            @held = ();
            sleep 2;
        }
    },
    named => sub { hold('server', 9000) },
    # DNS over TCP, and itself by its loopback and by its own address.
    alone => sub {
        hold('127.0.0.11', 53);
        unless (fork) { serve(9200) }
        hold('127.0.0.1', 9200);
        hold('alone', 9200);
    },
);

$roles{$ARGV[0]}->();
sleep 60 while 1;
