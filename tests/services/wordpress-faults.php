<?php
/**
 * Plugin Name: Failures on demand, in the middle of a request.
 *
 * A fault is armed by a JSON file in the folder GALLEY_FAULTS: {kind, when, match, seconds, status}. Whichever request
 * can delete the file has the fault, so each happens exactly once however many requests run.
 *
 * `match` is a regular expression tried on "METHOD /route slug" of a REST request, "POST /xmlrpc.php wp.method" of one by
 * XML-RPC, "METHOD /path" of any other.
 */

namespace Galley\Faults;

/** What the faults of this request are matched with. */
function subject( ?string $new = null ): string {
	static $subject = null;
	$subject = $new ?? $subject ?? $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'];
	return $subject;
}

function reach( string $when ): void {
	foreach ( glob( getenv( 'GALLEY_FAULTS' ) . '/*.json' ) as $file ) {
		$fault = json_decode( (string) @file_get_contents( $file ) );
		if ( $fault && $fault->when === $when && preg_match( "~{$fault->match}~", subject() ) && @unlink( $file ) ) {
			happen( $fault );
		}
	}
}

function happen( object $fault ): void {
	switch ( $fault->kind ) {
		case 'sleep':
			pause( $fault->seconds );
			return;
		case 'warn-buffered':
			ob_start();
			// No break: it warns all the same.
		case 'warn':
			ini_set( 'display_errors', '1' );
			trigger_error( 'A plugin of this site is not in its best shape', E_USER_WARNING );
			return;
		case 'gateway':
			answer( $fault->status );
			pause( $fault->seconds );
			return;
		case 'refuse':
			answer( $fault->status );
			exit;
		case 'busy':
			header( 'Retry-After: ' . ceil( $fault->seconds ) );
			answer( 503 );
			exit;
		case 'exit':
			exit;
		case 'fatal':
			a_function_that_nobody_wrote();
		case 'kill':
			posix_kill( getmypid(), SIGKILL );
	}
}

function pause( float $seconds ): void {
	usleep( (int) ( $seconds * 1_000_000 ) );
}

/**
 * The page of a web server that stands before WordPress. The client has all of it at once; the request goes on
 * behind its back, as it does behind a proxy that lost patience.
 */
function answer( int $status ): void {
	$title = $status . ' ' . get_status_header_desc( $status );
	$page  = "<html>\r\n<head><title>$title</title></head>\r\n<body><center><h1>$title</h1></center></body>\r\n</html>\r\n";
	ignore_user_abort( true );
	http_response_code( $status );
	header( 'Content-Type: text/html' );
	header( 'Content-Length: ' . strlen( $page ) );
	while ( ob_get_level() ) {
		ob_end_clean();
	}
	echo $page;
	flush();
	ob_start( fn() => '' );
}

add_filter(
	'rest_request_before_callbacks',
	function ( $response, $handler, $request ) {
		subject( trim( "{$request->get_method()} {$request->get_route()} {$request['slug']}" ) );
		reach( 'before' );
		return $response;
	},
	10,
	3
);

// The file of an upload is in its folder, the row is not written.
add_filter(
	'rest_pre_insert_attachment',
	function ( $row ) {
		reach( 'file' );
		return $row;
	}
);

// The row is written; its tags, featured image or alternative text are not.
add_action( 'rest_insert_post', fn() => reach( 'half' ) );
add_action( 'rest_insert_attachment', fn() => reach( 'half' ) );

// The first sub-size of an image is a file, and not yet noted in the row.
add_filter(
	'wp_update_attachment_metadata',
	function ( $details ) {
		if ( 1 === count( $details['sizes'] ?? array() ) ) {
			reach( 'sizes' );
		}
		return $details;
	}
);

// The form of a post is saved.
add_filter(
	'redirect_post_location',
	function ( $location ) {
		reach( 'after' );
		return $location;
	}
);

add_filter(
	'rest_request_after_callbacks',
	function ( $response ) {
		reach( 'after' );
		return $response;
	}
);

// By XML-RPC, whose requests are done when the post is saved, or the file is in the library.
add_action(
	'xmlrpc_call',
	function ( $method ) {
		subject( "POST /xmlrpc.php $method" );
		reach( 'before' );
	}
);
add_action(
	'wp_after_insert_post',
	function ( $id, $post ) {
		if ( defined( 'XMLRPC_REQUEST' ) && 'auto-draft' !== $post->post_status ) {
			reach( 'after' );
		}
	},
	10,
	2
);
add_action( 'xmlrpc_call_success_mw_newMediaObject', fn() => reach( 'after' ) );

add_filter( 'xmlrpc_enabled', fn( $on ) => $on && ! file_exists( getenv( 'GALLEY_SWITCHES' ) . '/xmlrpc-off' ) );
