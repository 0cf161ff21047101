<?php
/**
 * Plugin Name: What stands in a browser's way, on demand.
 *
 * Each is on while the file of its name is there in the folder GALLEY_SWITCHES:
 *
 *   rest-off       no REST API for anybody
 *   terms          before the dashboard stands a page that wants to be agreed to, once
 *   overlay        over each page of the dashboard lies a dialog of a plugin
 *   captcha        the form of the login page has a check for robots, as of reCAPTCHA
 *   second-factor  the login page asks for a code after the password, with the form of the plugin Two Factor
 */

namespace Galley\Screens;

function is_on( string $name ): bool {
	return file_exists( getenv( 'GALLEY_SWITCHES' ) . "/$name" );
}

add_filter(
	'rest_authentication_errors',
	fn( $result ) => is_on( 'rest-off' ) ? new \WP_Error( 'rest_disabled', 'Off.', array( 'status' => 401 ) ) : $result,
	1000
);

add_action(
	'wp_login',
	function () {
		if ( ! is_on( 'second-factor' ) ) {
			return;
		}
		wp_clear_auth_cookie();
		login_header( 'Two-factor' );
		echo '<form name="validate_2fa_form" method="post"><input name="authcode" autocomplete="one-time-code"></form>';
		login_footer();
		exit;
	}
);

add_action(
	'admin_init',
	function () {
		if ( ! is_on( 'terms' ) || wp_doing_ajax() ) {
			return;
		}
		if ( isset( $_POST['agree'] ) ) {
			unlink( getenv( 'GALLEY_SWITCHES' ) . '/terms' );
			wp_safe_redirect( admin_url() );
			exit;
		}
		echo '<!doctype html><title>Terms</title><p>There are new terms.</p>';
		echo '<form method="post"><button name="agree" value="1">I agree</button></form>';
		exit;
	}
);

add_action( 'login_form', fn() => print( is_on( 'captcha' ) ? '<div class="g-recaptcha"></div>' : '' ) );

add_action(
	'admin_footer',
	function () {
		if ( is_on( 'overlay' ) ) {
			echo '<div role="dialog" class="components-modal__frame" style="position: fixed; inset: 0; z-index: 999999;';
			echo ' background: #fff">Rate our plugin! <button>Later</button></div>';
		}
	}
);
