<?php
/**
 * Plugin Name: Logging in with a token, in the shapes of "JWT Authentication for WP REST API" 1.3.4.
 *
 * On while the option galley_jwt_life exists: the seconds a token lives.
 */

namespace Galley\Jwt;

use WP_Error;
use WP_REST_Request;

const SECRET = 'only-for-tests';

function encoded( string $bytes ): string {
	return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' );
}

function signed( string $text ): string {
	return $text . '.' . encoded( hash_hmac( 'sha256', $text, SECRET, true ) );
}

function refusal( string $code, string $message ): WP_Error {
	return new WP_Error( $code, $message, array( 'status' => 403 ) );
}

function token( int $user, int $life ): string {
	$now     = time();
	$header  = array( 'typ' => 'JWT', 'alg' => 'HS256' );
	$payload = array(
		'iss'  => get_bloginfo( 'url' ),
		'iat'  => $now,
		'nbf'  => $now,
		'exp'  => $now + $life,
		'data' => array( 'user' => array( 'id' => (string) $user ) ),
	);
	return signed( encoded( json_encode( $header ) ) . '.' . encoded( json_encode( $payload ) ) );
}

/** The user's id in an Authorization header, or the refusal. */
function user_of( string $authorization ): int|WP_Error {
	if ( ! preg_match( '~^Bearer (\S+)$~', $authorization, $found ) ) {
		return refusal( 'jwt_auth_bad_auth_header', 'Authorization header malformed.' );
	}
	$parts = explode( '.', $found[1] );
	if ( 3 !== count( $parts ) ) {
		return refusal( 'jwt_auth_invalid_token', 'Wrong number of segments' );
	}
	if ( ! hash_equals( signed( "$parts[0].$parts[1]" ), $found[1] ) ) {
		return refusal( 'jwt_auth_invalid_token', 'Signature verification failed' );
	}
	$payload = json_decode( base64_decode( strtr( $parts[1], '-_', '+/' ) ) );
	if ( time() >= $payload->exp ) {
		return refusal( 'jwt_auth_invalid_token', 'Expired token' );
	}
	if ( get_bloginfo( 'url' ) !== $payload->iss ) {
		return refusal( 'jwt_auth_bad_iss', 'The iss do not match with this server' );
	}
	return (int) $payload->data->user->id;
}

function give_token( WP_REST_Request $request ): array|WP_Error {
	$user = wp_authenticate( (string) $request['username'], (string) $request['password'] );
	if ( is_wp_error( $user ) ) {
		return refusal( '[jwt_auth] ' . $user->get_error_code(), $user->get_error_message() );
	}
	return array(
		'token'             => token( $user->ID, (int) get_option( 'galley_jwt_life' ) ),
		'user_email'        => $user->user_email,
		'user_nicename'     => $user->user_nicename,
		'user_display_name' => $user->display_name,
	);
}

function validate(): array|WP_Error {
	$authorization = $_SERVER['HTTP_AUTHORIZATION'] ?? '';
	if ( '' === $authorization ) {
		return refusal( 'jwt_auth_no_auth_header', 'Authorization header not found.' );
	}
	$user = user_of( $authorization );
	return is_wp_error( $user ) ? $user : array( 'code' => 'jwt_auth_valid_token', 'data' => array( 'status' => 200 ) );
}

/** The refusal of this request's token, remembered from logging in until the request is dispatched. */
function refused( ?WP_Error $error = null ): ?WP_Error {
	static $refused = null;
	$refused = $error ?? $refused;
	return $refused;
}

function log_in( int|false $user ): int|false {
	$authorization = $_SERVER['HTTP_AUTHORIZATION'] ?? '';
	$validating    = str_contains( $_SERVER['REQUEST_URI'] ?? '', 'token/validate' );
	if ( $user || $validating || ! str_starts_with( $authorization, 'Bearer' ) ) {
		return $user;
	}
	$bearer = user_of( $authorization );
	if ( is_wp_error( $bearer ) ) {
		refused( $bearer );
		return $user;
	}
	return $bearer;
}

function routes(): void {
	$open = array( 'methods' => 'POST', 'permission_callback' => '__return_true' );
	register_rest_route( 'jwt-auth/v1', 'token', $open + array( 'callback' => __NAMESPACE__ . '\give_token' ) );
	register_rest_route( 'jwt-auth/v1', 'token/validate', $open + array( 'callback' => __NAMESPACE__ . '\validate' ) );
}

if ( false !== get_option( 'galley_jwt_life' ) ) {
	add_action( 'rest_api_init', __NAMESPACE__ . '\routes' );
	add_filter( 'determine_current_user', __NAMESPACE__ . '\log_in' );
	add_filter( 'rest_pre_dispatch', fn( $answer ) => refused() ?? $answer );
}
