<?php
/**
 * Plugin Name: What stands in front of a site, or closes one of its doors, on demand.
 *
 * Each is on while the file of its name is there in the folder GALLEY_SWITCHES:
 *
 *   firewall             turns away whoever asks for an address that fits: its lines are a status, a pattern, a page
 *   firewall-after-post  the same from the first post on that is made by REST; its own answer is that page, too
 *   robot-check          a check for robots, as of SiteGround, before each page
 *   locked-out           no login is accepted for a while, as of the plugin Limit Login Attempts
 *   old-nonce            before the first request that fits the pattern in it, the nonces of all pages have grown old
 *   lost-session         before the first request that fits the pattern in it, all sessions are ended
 */

namespace Galley\Doors;

const LOCKED_OUT = '<strong>Error</strong>: Too many failed login attempts. Please try again in 20 minutes.';

function path_of( string $name ): string {
	return getenv( 'GALLEY_SWITCHES' ) . "/$name";
}

function is_on( string $name ): bool {
	return file_exists( path_of( $name ) );
}

function asks_for( string $pattern ): bool {
	return (bool) preg_match( "~$pattern~", $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'] );
}

function turn_away(): void {
	list( $status, , $page ) = file( path_of( 'firewall' ), FILE_IGNORE_NEW_LINES );
	http_response_code( (int) $status );
	header( 'Content-Type: text/html' );
	echo $page;
	exit;
}

/** Whether it is on for this request, which is the only one that has it. */
function happens_now( string $name ): bool {
	$pattern = (string) @file_get_contents( path_of( $name ) );
	return $pattern && asks_for( $pattern ) && @rename( path_of( $name ), path_of( "$name-happened" ) );
}

if ( is_on( 'firewall' ) && asks_for( file( path_of( 'firewall' ), FILE_IGNORE_NEW_LINES )[1] ) ) {
	turn_away();
}

add_action(
	'rest_after_insert_post',
	function () {
		if ( @rename( path_of( 'firewall-after-post' ), path_of( 'firewall' ) ) ) {
			turn_away();
		}
	}
);

if ( is_on( 'robot-check' ) ) {
	http_response_code( 202 );
	header( 'Content-Type: text/html' );
	header( 'SG-Captcha: challenge' );
	echo '<html><head><meta http-equiv="refresh" content="0;/.well-known/sgcaptcha/?r=%2F"></head></html>';
	exit;
}

if ( is_on( 'locked-out' ) ) {
	add_filter( 'authenticate', fn() => new \WP_Error( 'too_many_retries', LOCKED_OUT ), 1000 );
	add_filter( 'xmlrpc_login_error', fn() => new \IXR_Error( 403, wp_strip_all_tags( LOCKED_OUT ) ) );
	$locked = new \WP_Error( 'too_many_retries', LOCKED_OUT, array( 'status' => 403 ) );
	add_filter( 'rest_authentication_errors', fn() => $locked, 1000 );
}

// Nonces count half lives: of another length, each of them is another one.
if ( happens_now( 'old-nonce' ) || is_on( 'old-nonce-happened' ) ) {
	add_filter( 'nonce_life', fn() => DAY_IN_SECONDS + 2 * HOUR_IN_SECONDS );
}

if ( happens_now( 'lost-session' ) ) {
	delete_metadata( 'user', 0, 'session_tokens', '', true );
}
